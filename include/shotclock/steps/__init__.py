"""What DAGs and the command line call, one module a flow: addresses in, load, pure call, save, small dict out.

Every step takes the `Run` that it belongs to first, and gives a dict that fits an XCom. Three keys are for people:
`summary` (Markdown), `report` (an HTML file's address) and `mlflow_run_id`. `skip` says why nothing follows.
"""
