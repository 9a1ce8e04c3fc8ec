"""The control plane's own worker: an agent like any other, in a process without rights."""
