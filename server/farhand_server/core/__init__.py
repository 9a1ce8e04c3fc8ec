"""The rules of the control plane: no gRPC, no SQL, no clock, no threads."""
