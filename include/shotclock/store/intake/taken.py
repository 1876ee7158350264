"""Files that are not parquet, or hold words to be read, as the parquet files that they are read from: one for each state."""

import hashlib

from shotclock.config import Project, settings
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.sources import exports


def as_parquet(project: Project, address: Address) -> Address:
    """The file itself where it is parquet with nothing in words; else what it says, under `data/<project>/taken`.

    Raises:
        SourceError: it is missing, cannot be read, or is still being written.
        ContractError: a value is not what its column holds.
    """
    if not storage.exists(address) or (
        exports.is_parquet(address) and exports.is_as_kept(address, project.columns, project.reading)
    ):
        return address
    state = [str(address), str(storage.changed(address)), str(storage.size(address))]
    rules = [project.reading.model_dump_json(), project.columns.model_dump_json()]
    key = hashlib.sha256("\n".join([*state, *rules]).encode()).hexdigest()[:12]
    target = settings().data / project.name / "taken" / f"{address.name}-{key}.parquet"
    with storage.locked(target.parent / ".lock"):
        if not storage.exists(target):
            exports.write_parquet(address, project.columns, project.reading, target)
    return target
