"""The programs that run for years: configuration, loop, alarms, metrics and health."""
