"""What the Explore dock is made of: a map of candidates, their clusters, and what is selected."""
