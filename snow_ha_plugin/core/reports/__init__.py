"""What is told of a cluster: overview, findings, what a failure or a drain costs, and the words for it."""
