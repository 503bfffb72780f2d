"""The bus: publish a batch, read a batch for a group, commit it. Kafka, or a log in PostgreSQL."""
