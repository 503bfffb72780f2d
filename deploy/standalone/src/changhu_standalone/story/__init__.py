"""One city's story, told to the services as its clerks and caregivers would: over HTTP, each under his own name."""
