"""What the hot paths reach, each beside a baseline of the same run: a measurement, never a test that can fail."""
