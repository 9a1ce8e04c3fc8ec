"""The operator's command `farhand`."""
