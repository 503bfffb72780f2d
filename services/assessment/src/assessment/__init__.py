"""Applications for care, the assessors' visits and what was concluded of a person's disability."""
