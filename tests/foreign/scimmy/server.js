// Copyright (c) 2026 homelab.identity_broker maintainers
// SPDX-License-Identifier: GPL-3.0-or-later
// A small SCIM server on SCIMMY, for the tests. It keeps everything in memory and stores what the library hands over.
//
// Environment: PEER_TOKEN, PEER_CERT and PEER_KEY (PEM files), PEER_EXTENSION=1 to declare the extension with the domain.
// It prints "ready PORT" when it accepts connections on 127.0.0.1.

import {randomUUID} from "node:crypto";
import {readFileSync} from "node:fs";
import https from "node:https";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const {PEER_TOKEN, PEER_CERT, PEER_KEY, PEER_EXTENSION} = process.env;
const users = new Map();
const groups = new Map();

function store(kept, noun) {
    return {
        ingress(resource, data) {
            const id = resource.id ?? randomUUID();
            const former = kept.get(id);
            if (resource.id && !former) throw new SCIMMY.Types.Error(404, null, `${noun} ${id} not found`);
            const name = (entry) => (entry.userName ?? entry.displayName).toLowerCase();
            for (const other of kept.values()) {
                if (other.id !== id && name(other) === name(data)) {
                    throw new SCIMMY.Types.Error(409, "uniqueness", `${noun} ${name(data)} exists`);
                }
            }
            const now = new Date();
            const entry = {
                ...JSON.parse(JSON.stringify(data)),
                id,
                meta: {created: former?.meta.created ?? now, lastModified: now},
            };
            kept.set(id, entry);
            return shown(entry);
        },
        egress(resource) {
            if (resource.id) {
                if (!kept.has(resource.id)) throw new SCIMMY.Types.Error(404, null, `${noun} ${resource.id} not found`);
                return shown(kept.get(resource.id));
            }
            const all = [...kept.values()].map(shown);
            return resource.filter ? resource.filter.match(all) : all;
        },
        degress(resource) {
            if (!kept.delete(resource.id)) throw new SCIMMY.Types.Error(404, null, `${noun} ${resource.id} not found`);
            for (const group of groups.values()) {
                group.members = (group.members ?? []).filter((member) => member.value !== resource.id);
            }
        },
    };
}

function shown(entry) {
    if (!users.has(entry.id)) return entry;
    const own = [...groups.values()].filter((group) => (group.members ?? []).some((member) => member.value === entry.id));
    return {...entry, groups: own.map((group) => ({value: group.id, display: group.displayName}))};
}

SCIMMY.Config.set({patch: true, filter: {supported: true, maxResults: 50}, etag: false, bulk: false, sort: false});
if (PEER_EXTENSION) {
    const {SchemaDefinition, Attribute} = SCIMMY.Types;
    const extension = new SchemaDefinition(
        "Directory", "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User", "Where a user belongs",
        [new Attribute("string", "domain")]
    );
    SCIMMY.Schemas.User.extend(extension, false);
}
SCIMMY.Resources.declare(SCIMMY.Resources.User, store(users, "User"));
SCIMMY.Resources.declare(SCIMMY.Resources.Group, store(groups, "Group"));

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler(request) {
        if (request.header("Authorization") !== `Bearer ${PEER_TOKEN}`) throw new Error("wrong token");
        return "test";
    },
}));
const server = https.createServer({cert: readFileSync(PEER_CERT), key: readFileSync(PEER_KEY)}, app);
server.listen(0, "127.0.0.1", () => console.log(`ready ${server.address().port}`));
