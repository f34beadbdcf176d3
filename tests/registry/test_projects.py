"""What a member of one project sees of the registry: their own, and not that there is anything else."""

from .conftest import TEAM, dataset_version, token


async def told(client, name, method, path, project, **more):
    answer = await client.request(method, path, params={"project": project}, headers=token(name), **more)
    return answer.status_code, answer.json() if answer.content else None


async def test_projects_are_those_in_which_one_has_a_role(client, project):
    for name in (TEAM, project):
        await client.put(f"/v1/projects/{name}", json={})
    status, page = await told(client, "bob", "GET", "/v1/projects", TEAM)
    assert (status, [item["name"] for item in page["items"]]) == (200, [TEAM])
    _, page = await told(client, "viewer", "GET", "/v1/projects", TEAM)
    assert {TEAM, project} <= {item["name"] for item in page["items"]}


async def test_whoami_tells_roles_by_project(client, project):
    await client.put(f"/v1/projects/{project}", json={})
    status, who = await told(client, "ada", "GET", "/v1/whoami", TEAM)
    assert (status, who["name"], who["role"]) == (200, "ada", None)
    assert who["projects"] == [{"project": TEAM, "roles": ["operator"]}]
    assert (await told(client, "ada", "GET", "/v1/whoami", project))[1]["projects"] == who["projects"]
    _, admin = await told(client, "admin", "GET", "/v1/whoami", project)
    assert admin["role"] == "admin"
    assert {"project": project, "roles": ["admin"]} in admin["projects"]


async def test_anothers_project_is_not_there_and_nothing_of_it_is_shown(client, project):
    digest = (await client.post("/v1/artifacts", content=b"secret rows")).json()["digest"]
    await client.put("/v1/datasets/secret", json={})
    await client.post("/v1/datasets/secret/versions", json=dataset_version(digest))
    for name in ("ada", "bob", "eve"):
        for path in ("/v1/datasets", "/v1/datasets/secret", f"/v1/artifacts/{digest}", "/v1/decisions"):
            status, body = await told(client, name, "GET", path, project)
            assert status == 404, path
            assert "role" in body["detail"]
            assert "secret" not in body["detail"]
            here = await told(client, name, "GET", path, TEAM)
            assert here[0] == (404 if "secret" in path or digest in path else 200), path
            assert "secret" not in str(here[1].get("items", ""))
    nowhere = f"{project}-x"
    there, none = [await told(client, "ada", "GET", "/v1/datasets", name) for name in (project, nowhere)]
    same = [body | {"instance": "", "detail": body["detail"].replace(name, "P")}
            for (_, body), name in ((there, project), (none, nowhere))]  # fmt: skip
    assert same[0] == same[1], "one cannot tell whether there is such a project"


async def test_a_role_that_does_not_go_so_far_is_403_and_says_who_may(client):
    status, body = await told(client, "bob", "POST", "/v1/artifacts", TEAM, content=b"x")
    assert status == 403
    assert "registry.artifacts.write" in body["detail"]
    assert "operator, admin" in body["detail"]
    assert (await told(client, "ada", "POST", "/v1/artifacts", TEAM, content=b"x"))[0] == 201
    for name in ("ada", "eve"):
        assert (await told(client, name, "PUT", "/v1/models/m", TEAM, json={}))[0] == 403
