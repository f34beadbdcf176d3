"""The same promises on PostgreSQL."""


async def test_jobs_run_resume_and_keep_their_keys_on_postgresql(serve, database):
    async with serve(database_url=database) as client:
        body = {"key": "k", "kind": "train", "spec": {"do": "count", "trials": 3, "die": 1}}
        made = await client.post("/v1/jobs", json=body)
        assert made.status_code == 201, made.text
        again = await client.post("/v1/jobs", json=body)
        assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
        assert (await client.post("/v1/jobs", json=body | {"loop_run": 3})).status_code == 409
        done = (await client.get(f"/v1/jobs/{made.json()['id']}", params={"wait": 30})).json()
        assert (done["state"], done["attempts"], done["result"]["kept"]) == ("succeeded", 2, 1)
        listed = (await client.get("/v1/jobs", params={"state": "succeeded"})).json()
        assert len(listed["items"]) == 1
