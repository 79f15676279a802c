"""The one vocabulary of trust: what an estimate is worth is good, check or do not use, everywhere."""

GOOD, CHECK, DO_NOT_USE = VERDICTS = ("good", "check", "do not use")  # the best first
