"""The fund's books: double entry in fen, append-only, booked from events."""
