"""Between wire messages and model values: the only place that knows both."""
