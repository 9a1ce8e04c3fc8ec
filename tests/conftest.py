"""What holds for every test."""

from hypothesis import HealthCheck, settings

# Other people use these machines, too: no test depends on how fast one of them is.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
