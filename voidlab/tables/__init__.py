"""Tables: which columns each has, how they are checked, read and written, and px turned into nm."""

from voidlab.tables.catalogue import TABLES, TableError, cast, check, empty, kept, select, used_drift
from voidlab.tables.files import load, read, write
from voidlab.tables.kinds import kinds_in, only_voids
from voidlab.tables.units import HasPixelSize, data_dictionary, nm_name, to_nm, unit_of
from voidlab.tables.written import replacing
