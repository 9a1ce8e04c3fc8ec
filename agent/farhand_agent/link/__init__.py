"""The network half of the agent: one stream to the control plane. May import grpc."""
