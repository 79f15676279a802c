"""``python -m voidlab`` is the command ``voidlab``."""

from voidlab.cli import main

raise SystemExit(main())
