"""Settlement: what the fund owes for care, a provider's monthly statement, and its payment."""
