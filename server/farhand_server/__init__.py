"""The control plane: keeps runbooks, decides who runs them, remembers what happened."""
