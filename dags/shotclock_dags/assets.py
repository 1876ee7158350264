"""Every asset's name, in one place: what links the DAGs of a project."""

from airflow.sdk import Asset


def champion(project: str) -> Asset:
    """A model version took over."""
    return Asset(f"{project}/champion")


def batch(project: str) -> Asset:
    """New production rows are there to be scored."""
    return Asset(f"{project}/batch")


def predictions(project: str) -> Asset:
    """A batch was scored."""
    return Asset(f"{project}/predictions")


def labels(project: str) -> Asset:
    """Labels have come for rows that were scored before."""
    return Asset(f"{project}/labels")


def drift_alert(project: str) -> Asset:
    """The newest window has drifted."""
    return Asset(f"{project}/drift_alert")


def degradation_alert(project: str) -> Asset:
    """The champion has become too bad."""
    return Asset(f"{project}/degradation_alert")


def new_records_alert(project: str) -> Asset:
    """Enough labelled rows have come."""
    return Asset(f"{project}/new_records_alert")


def demotion_alert(project: str) -> Asset:
    """The version before is proven better than the one in service."""
    return Asset(f"{project}/demotion_alert")
