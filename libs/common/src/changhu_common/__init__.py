"""What every service is built with: money, periods, events, the bus, the database, identity."""
