"""The root half of the agent: launcher, runners, spools. It forks, so it loads no grpc."""
