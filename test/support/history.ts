import type { ErrorCode } from "../../core/errors.ts";
import type { DeviceId, MessageId } from "../../core/ids.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import type { Notice } from "../../core/peer/notices.ts";

/** Who a history is about: one login of one user. */
export interface Actor {
  readonly label: string;
  /** As registered. */
  readonly name: string;
  /** Where its device is kept, and how often that has been set back. */
  readonly place: { readonly label: string; readonly setBacks: number };
  device: DeviceId | null;
  /** Undefined until it is over. */
  ended: ErrorCode | null | undefined;
}

export interface Told {
  readonly id: MessageId;
  readonly from: Actor;
  readonly to: string;
  readonly text: string;
  readonly order: number;
  readonly shownOn: Set<Actor>;
  fate: string | null;
}

type Shown = Extract<Notice, { kind: "message" }>;

/** What users wrote and what they were shown, judged as it happens: a breach of a promise is thrown. */
export class History {
  readonly told = new Map<MessageId, Told>();
  readonly #last = new Map<string, number>();
  /** Where each message has been read. */
  readonly #read = new Set<string>();
  /** Between whom something was sent again: it comes after what could be read meanwhile. */
  readonly #mended = new Set<string>();
  /** Users whose messages the server has put out of order: they are shown as they come. */
  readonly #overtaken = new Set<UserName>();
  /** Codes of what could not be read. */
  readonly unreadable: string[] = [];
  /** Something was set back, or took long: what was sent before may be out of reach. */
  isUnsettled = false;

  wrote(from: Actor, id: MessageId, to: string, text: string): Told {
    const told = { id, from, to, text, order: this.told.size, shownOn: new Set<Actor>(), fate: null };
    this.told.set(id, told);
    return told;
  }

  noticed(actor: Actor, notice: Notice): void {
    switch (notice.kind) {
      case "attached":
        actor.device = notice.device;
        break;
      case "message":
        this.#shown(actor, notice);
        break;
      case "delivered":
      case "undelivered":
        this.#decided(actor, notice);
        break;
      case "unreadable":
        this.unreadable.push(notice.code);
        this.#mended.add(`${notice.from} to ${actor.label}`);
        if (!(this.isUnsettled || notice.mending))
          throw new Error(`${actor.label} could not read ${notice.from}: ${notice.code}`);
        break;
      default:
    }
  }

  overtaken(user: UserName): void {
    this.#overtaken.add(user);
  }

  #shown(actor: Actor, notice: Shown): void {
    const told = this.told.get(notice.id);
    if (told === undefined) throw new Error(`${actor.label} was shown what nobody wrote`);
    const { text, from, device, to } = notice;
    const same = text === told.text && device === told.from.device && alike(from, told.from.name) && alike(to, told.to);
    if (!same) throw new Error(`${actor.label}: ${told.text} altered`);
    const own = told.from.name === actor.name;
    if (notice.own !== own || (!own && told.to !== actor.name)) throw new Error(`${actor.label}: not for it: ${text}`);
    if (told.from === actor || told.shownOn.has(actor)) throw new Error(`${actor.label}: shown twice: ${text}`);
    told.shownOn.add(actor);
    const { label, setBacks } = actor.place;
    const where = `${notice.id} at ${label} ${setBacks}`;
    if (this.#read.has(where)) throw new Error(`${actor.label}: read twice: ${text}`);
    this.#read.add(where);
    const lane = `${told.from.label} to ${actor.label}`;
    if (this.#overtaken.has(parseUserName(told.from.name))) return;
    const isMended = this.isUnsettled || this.#mended.has(`${told.from.name} to ${actor.label}`);
    if (!isMended && (this.#last.get(lane) ?? -1) > told.order) throw new Error(`${lane}: out of order: ${text}`);
    this.#last.set(lane, told.order);
  }

  #decided(actor: Actor, notice: Extract<Notice, { kind: "delivered" | "undelivered" }>): void {
    const told = this.told.get(notice.id);
    if (told?.from !== actor) throw new Error(`${actor.label} was told of another's message`);
    if (told.fate !== null) throw new Error(`${told.text}: ${told.fate}, then ${notice.kind}`);
    told.fate = notice.kind === "delivered" ? "delivered" : notice.reason;
    const shown = [...told.shownOn].some((other) => other.name === told.to);
    if (told.fate === "delivered" && !shown) throw new Error(`${told.text}: delivered, but not shown`);
  }

  /** Messages whose sender is still there and has not heard what became of them. */
  get undecided(): readonly Told[] {
    return [...this.told.values()].filter(({ fate, from }) => fate === null && from.ended === undefined);
  }
}

/** Names as registered; one that is not, any more, is shown as the protocol has it. */
function alike(a: string, b: string): boolean {
  return parseUserName(a) === parseUserName(b);
}
