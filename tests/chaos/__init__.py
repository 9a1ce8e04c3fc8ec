"""`make chaos`: the promises, tried for as many minutes as asked by chance that can be repeated."""
