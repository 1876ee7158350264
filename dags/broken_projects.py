"""Makes no DAG: a project file that Airflow cannot use shows here, as an import error, and the other projects go on."""

from shotclock.config import usable_projects
from shotclock.errors import ConfigError

faults = usable_projects()[1]
if faults:
    raise ConfigError("\n".join(str(fault) for fault in faults))
