"""One module for each measured path; its name is the path's name."""
