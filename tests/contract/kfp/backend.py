"""Kubeflow Pipelines' v2beta1 API in memory, answering as the real 2.17.0 backend was seen to answer.

Nothing is idempotent, a bad pipeline is a 500, a terminated run ends FAILED, and nothing moves by itself: a test moves
runs, or gives an `executor` that really runs them. Whatever the real one would not understand is refused.
"""

import threading
import uuid
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from tests.contract.kfp import spelling
from tests.contract.kfp.spelling import Wrong

API = "/apis/v2beta1"
LIVE = ("PENDING", "RUNNING", "CANCELING", "PAUSED")
START = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST = 255
"""Characters of a run's name and description that its database takes."""
INVALID, NOT_FOUND, EXISTS, ABORTED, INTERNAL = 3, 5, 6, 10, 13


class Died(Exception):
    """The caller died at this call."""


class Backend:
    """One installation.

    `calls` has every request; `die_at` is the one (its number, or its words) at which the sender dies.
    """

    def __init__(self, executor=None):
        self.experiments, self.pipelines, self.versions, self.runs = {}, {}, {}, {}
        self.calls, self.die_at, self.die_after, self.down, self.multi_user = [], None, False, False, False
        self.executor, self.threads, self._ticks, self.retry_refused = executor, [], 0, None
        self.app = FastAPI()
        self.app.exception_handler(Wrong)(lambda request, error: JSONResponse(error.body(), error.status))
        for install in (_health, _experiments, _pipelines, _runs):
            install(self.app, self)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        here = len(self.calls)
        self.calls.append(f"{scope['method']} {scope['path'].removeprefix(API)}")
        if self.down:
            return await JSONResponse({"message": "upstream"}, 503)(scope, receive, send)
        fatal = self.die_at in (here, self.calls[-1])
        if fatal and not self.die_after:
            raise Died(self.calls[-1])
        await self.app(scope, receive, send)
        if fatal:
            raise Died(self.calls[-1])

    def now(self):
        """Seconds of a clock that moves with every question, in the form that the API shows."""
        self._ticks += 1
        return (START + timedelta(seconds=self._ticks)).isoformat().replace("+00:00", "Z")

    def move(self, run, state, tasks=None):
        """The workflow controller and the persistence agent do their work; of a failure they leave no words."""
        run["state"] = state
        run["state_history"].append({"update_time": self.now(), "state": state})
        if state not in LIVE:
            run["finished_at"] = self.now()
        if tasks is not None:
            run["run_details"] = {"task_details": list(_details(tasks))}

    def forget_state(self, run):
        """What is shown of a run that no workflow controller has taken up."""
        del run["state"]

    def only_run(self):
        (run,) = self.runs.values()
        return run


def _details(tasks):
    """As the backend lists them: each twice, with its driver, the workflow, `root`, a condition, one nameless."""
    failed = "FAILED" if "FAILED" in tasks.values() else "RUNNING"
    around = dict.fromkeys(("root", "loop-run-rgtgg", "executor", "condition-1"), failed)
    drivers = dict.fromkeys((f"{name}-driver" for name in ("root", "condition-1", *tasks)), "SUCCEEDED")
    for name, state in (around | drivers | tasks).items():
        pods = [{"pod_name": f"loop-run-{name}"}]
        for shown in (name, f"{name}(0)"):
            yield {"task_id": _identified(), "display_name": shown, "state": state, "child_tasks": pods}
    yield {"task_id": _identified(), "display_name": "", "state": "SUCCEEDED"}


def _identified():
    return str(uuid.uuid4())


def _health(app, backend):
    @app.get(API + "/healthz")
    def healthz():
        return {"multi_user": backend.multi_user, "pipeline_store": "database"}


def _experiments(app, backend):
    @app.post(API + "/experiments")
    async def create(request: Request):
        body = spelling.body(await request.body(), spelling.EXPERIMENT)
        name = spelling.display_name(body, "experiment")
        if any(known["display_name"] == name for known in backend.experiments.values()):
            raise Wrong(409, EXISTS, f"Failed to create experiment: {name} already exists")
        made = {"experiment_id": _identified(), "display_name": name, "created_at": backend.now()}
        backend.experiments[made["experiment_id"]] = made | {"storage_state": "AVAILABLE"}
        return backend.experiments[made["experiment_id"]]

    @app.get(API + "/experiments")
    def listing(request: Request):
        return spelling.listed("experiments", backend.experiments.values(), request, spelling.EXPERIMENT)


def _pipelines(app, backend):
    @app.post(API + "/pipelines")
    async def create(request: Request):
        body = spelling.body(await request.body(), spelling.PIPELINE)
        name = body.get("name") or spelling.display_name(body, "pipeline")
        if any(known["name"] == name for known in backend.pipelines.values()):
            raise Wrong(409, EXISTS, f"Failed to create a pipeline: {name} already exists")
        made = {"pipeline_id": _identified(), "name": name, "created_at": backend.now()}
        backend.pipelines[made["pipeline_id"]] = made | {"display_name": body.get("display_name", name)}
        return backend.pipelines[made["pipeline_id"]]

    @app.get(API + "/pipelines")
    def listing(request: Request):
        return spelling.listed("pipelines", backend.pipelines.values(), request, spelling.PIPELINE)

    @app.get(API + "/pipelines/{pipeline}/versions")
    def versions(pipeline: str, request: Request):
        mine = [item for item in backend.versions.values() if item["pipeline_id"] == pipeline]
        return spelling.listed("pipeline_versions", mine, request, spelling.VERSION)

    @app.post(API + "/pipelines/upload_version")
    async def upload(request: Request):
        query = spelling.query(request, ("name", "display_name", "pipelineid", "description", "tags"))
        filename, text = spelling.uploaded(request.headers["content-type"], await request.body())
        if filename is None or query.get("pipelineid") not in backend.pipelines:
            raise Wrong(400, None, "Failed to create a pipeline version")
        spec = spelling.pipeline_spec(text)
        name = query.get("name") or query.get("display_name") or filename
        siblings = [item for item in backend.versions.values() if item["pipeline_id"] == query["pipelineid"]]
        if any(item["name"] == name for item in siblings):
            raise Wrong(409, None, "Failed to create a pipeline version")
        made = {"pipeline_version_id": _identified(), "pipeline_id": query["pipelineid"], "name": name}
        made |= {"display_name": query.get("display_name") or name, "created_at": backend.now()}
        backend.versions[made["pipeline_version_id"]] = made | {"pipeline_spec": spec}
        return made


def _runs(app, backend):
    @app.post(API + "/runs")
    async def create(request: Request):
        body = spelling.body(await request.body(), spelling.RUN)
        name = spelling.display_name(body, "run")
        if max(len(name), len(body.get("description", ""))) > LONGEST:
            raise Wrong(500, INTERNAL, "Failed to store run: Error 1406: Data too long for column")
        if body.get("experiment_id", "") not in backend.experiments:
            raise Wrong(404, NOT_FOUND, f"Experiment {body.get('experiment_id')} not found")
        spec = body.get("pipeline_spec")
        if spec is None:
            reference = body.get("pipeline_version_reference") or {}
            version = backend.versions.get(reference.get("pipeline_version_id"))
            if version is None or version["pipeline_id"] != reference.get("pipeline_id"):
                words = "Failed to create a run due to error fetching manifest"
                raise Wrong(500, INTERNAL, f"Failed to create a run: InternalServerError: {words}")
            spec = version["pipeline_spec"]
        else:
            spec = spelling.inline_spec(spec)
        spelling.parameters(spec, (body.get("runtime_config") or {}).get("parameters") or {})
        run = {name: value for name, value in body.items() if name != "pipeline_spec"} | {
            "run_id": _identified(), "storage_state": "AVAILABLE", "created_at": backend.now(), "display_name": name,
            "state_history": [], "pipeline_spec": spec,
        }  # fmt: skip
        backend.move(run, "PENDING")
        backend.runs[run["run_id"]] = run
        if backend.executor is not None:
            thread = threading.Thread(target=backend.executor, args=(backend, run), daemon=True)
            backend.threads.append(thread)
            thread.start()
        return run

    @app.get(API + "/runs")
    def listing(request: Request):
        wanted = request.query_params.get("experiment_id")
        mine = [run for run in backend.runs.values() if wanted in (None, run["experiment_id"])]
        return spelling.listed("runs", mine, request, spelling.RUN, ("experiment_id",))

    def known(run):
        if run not in backend.runs:
            raise Wrong(404, NOT_FOUND, f"Failed to get a run: run {run} not found")
        return backend.runs[run]

    @app.get(API + "/runs/{run}")
    def get(run: str):
        return known(run)

    @app.post(API + "/runs/{run}:terminate")
    def terminate(run: str):
        found = known(run)
        if found.get("state") not in LIVE or found["state"] == "CANCELING":
            raise Wrong(400, INVALID, f"Failed to terminate run {run}: Row not found")
        found["state"] = "CANCELING"  # the history learns of it with the agent's next report, if there is one
        return {}

    @app.post(API + "/runs/{run}:retry")
    def retry(run: str):
        found = known(run)
        if backend.retry_refused:
            raise Wrong(*backend.retry_refused)
        if found.get("state") != "FAILED":
            raise Wrong(409, ABORTED, "Workflow must be Failed/Error to retry")
        backend.move(found, "RUNNING")  # its tasks are those of before until the workflow controller has it
        return {}

    @app.post(API + "/runs/{run}:archive")
    def archive(run: str):
        known(run)["storage_state"] = "ARCHIVED"
        return {}

    @app.delete(API + "/runs/{run}")
    def delete(run: str):
        backend.runs.pop(known(run)["run_id"])
        return {}
