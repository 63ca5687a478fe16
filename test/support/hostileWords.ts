/** What was said and told between a hostile server and its clients, and how a test changes what is delivered. */
import type { Address, DeviceId } from "../../core/ids.ts";
import type { Notice } from "../../core/peer/notices.ts";
import { decodeAll, encodeAll } from "../../core/wire/codec.ts";
import { Envelope, Opening } from "../../core/wire/endToEnd.ts";
import type { ClientMessage, ServerMessage } from "../../core/wire/messages.ts";
import { CANARY, type HostileServer, type Machine } from "./hostileServer.ts";

export type Said<K extends ClientMessage["kind"]> = Extract<ClientMessage, { kind: K }>;
export type Told<K extends ServerMessage["kind"]> = Extract<ServerMessage, { kind: K }>;

/** The address of a machine that has attached. */
export function selfOf({ self }: Machine): Address {
  if (self === null) throw new Error("it has not attached");
  return self;
}

/** What it has said of one kind. */
export function saidBy<K extends ClientMessage["kind"]>({ said }: Machine, kind: K): readonly Said<K>[] {
  return said.filter((message): message is Said<K> => message.kind === kind);
}

/** What it was told of one kind. */
export function toldTo<K extends ServerMessage["kind"]>({ told }: Machine, kind: K): readonly Told<K>[] {
  return told.filter((message): message is Told<K> => message.kind === kind);
}

/** The texts that its user was shown, without the canary. */
export function textsOf({ notices }: Machine): readonly string[] {
  return notices.flatMap((notice) => (notice.kind === "message" ? [notice.text.slice(CANARY.length + 1)] : []));
}

/** Notices of one kind. */
export function noticesOf<K extends Notice["kind"]>(
  { notices }: Machine,
  kind: K,
): readonly Extract<Notice, { kind: K }>[] {
  return notices.filter((notice): notice is Extract<Notice, { kind: K }> => notice.kind === kind);
}

/** What was sealed for one device. */
export function sentTo(from: Machine, device: DeviceId): readonly Said<"send">[] {
  return saidBy(from, "send").filter((message) => message.device === device);
}

export type Delivery = Told<"delivery">;

/** Deliveries to `to` are as `change` makes them: any number of them. */
export function changeDeliveries(
  world: HostileServer,
  to: Machine,
  change: (delivery: Delivery) => readonly Delivery[],
): void {
  world.lie = (machine, message) => (machine === to && message.kind === "delivery" ? change(message) : [message]);
}

/** The delivery with something in its envelope changed. */
export function altered(delivery: Delivery, change: (envelope: Envelope) => Envelope): Delivery {
  return { ...delivery, envelope: encodeAll(Envelope, change(decodeAll(Envelope, delivery.envelope))) };
}

/** The same, with something in its opening changed. */
export function reopened(delivery: Delivery, change: (opening: Opening) => Opening): Delivery {
  return altered(delivery, (envelope) => ({
    ...envelope,
    opening: encodeAll(Opening, change(decodeAll(Opening, envelope.opening))),
  }));
}

export function codesAt(machine: Machine): readonly string[] {
  return noticesOf(machine, "unreadable").map(({ code }) => code);
}

/** The first delivery to a machine. */
export function firstTo(machine: Machine): Delivery {
  const [first] = toldTo(machine, "delivery");
  if (first === undefined) throw new Error("nothing was delivered");
  return first;
}
