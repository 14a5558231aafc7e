"""What domains' images are, whether every server has them, and how a domain file comes to name others."""
