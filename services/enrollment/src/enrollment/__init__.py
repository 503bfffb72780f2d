"""Who is insured where and in which category, what is due from whom, and what the fund received."""
