"""`make demo`: the whole of Farhand on one machine, in a temporary directory, in a minute."""
