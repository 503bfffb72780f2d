"""The cities' rules as dated data, and how they are read, checked and cited."""
