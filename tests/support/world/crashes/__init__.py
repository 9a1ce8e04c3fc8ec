"""Every moment of a job's life at which a process can die, one after the other."""
