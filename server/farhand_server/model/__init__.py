"""The values that rules, store and edges share: frozen, keyword-only, without behaviour of I/O."""
