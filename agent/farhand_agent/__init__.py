"""The agent: runs on a host, dials out, runs what the control plane grants."""
