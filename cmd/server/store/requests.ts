/** What answers the requests of core/peer/store.ts from the tables of `store.db`. */
import type { Database } from "bun:sqlite";
import type { StoreAnswer, StoreRequest } from "../../../core/peer/store.ts";
import {
  createAccount,
  deviceListOf,
  forgetUser,
  loadAccount,
  noteSeen,
  pruneWraps,
  putDevices,
  putWraps,
} from "./accounts.ts";
import { collect, deposit, discard, expire } from "./mailboxes.ts";
import { loadPins, putPin } from "./pins.ts";
import { putPrekeys, takePrekeys } from "./prekeys.ts";
import type { Request } from "./rows.ts";

/** Does one request, within a transaction of the caller's. @throws what SQLite throws */
export function answerRequest(database: Database, request: StoreRequest): StoreAnswer {
  switch (request.op) {
    case "load":
      pruneWraps(database, request);
      return accountAnswer(database, request);
    case "create":
      createAccount(database, request);
      return accountAnswer(database, request);
    case "putWraps":
      return { op: "putWraps", stored: putWraps(database, request) };
    case "putDevices":
      putDevices(database, request);
      return { op: "putDevices", devices: deviceListOf(database, request.user) };
    case "putPrekeys":
      return { op: "putPrekeys", oneTimePrekeys: putPrekeys(database, request) };
    case "takePrekeys":
      return takePrekeys(database, request);
    case "putPin":
      return { op: "putPin", pin: putPin(database, request) };
    case "seen":
      noteSeen(database, request);
      return { op: "seen" };
    case "deposit":
      return deposit(database, request);
    case "collect":
      return collect(database, request);
    case "discard":
      return { op: "discard", left: discard(database, request) };
    case "expire":
      return { op: "expire", expired: expire(database, request) };
    case "forget":
      forgetUser(database, request.user);
      return { op: "forget" };
  }
}

function accountAnswer(database: Database, { op, user, epoch }: Request<"load"> | Request<"create">): StoreAnswer {
  return { op, account: loadAccount(database, user, epoch), pins: loadPins(database, user) };
}
