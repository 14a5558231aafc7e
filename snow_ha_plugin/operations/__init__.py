"""What is done to a cluster that is there: registering, moving, draining, balancing's questions, and each commit."""
