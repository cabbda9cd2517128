import { createHmac } from "node:crypto";
import { type Client, hashOf, type Solution } from "../fixtures/client";
import { CODE_SECRET } from "../fixtures/server";
import { CHEAP, expect, REAL_COST, test } from "../fixtures/test";

/** Crockford's base32 of the first 60 bits of the HMAC. */
function inviteCode(visitorId: string, nonce: number, seed: string): string {
  const mac = createHmac("sha256", Buffer.from(CODE_SECRET, "hex")).update(`${visitorId}:${nonce}:${seed}`).digest();
  let bits = mac.readBigUInt64BE() >> 4n;
  let code = "";
  for (let i = 0; i < 12; i++, bits >>= 5n) code = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[Number(bits & 31n)] + code;
  return `HASHPASS-${code}`;
}

/** All hand in a solution of the same puzzle in the same moment. */
async function race(clients: Client[]) {
  const puzzle = await clients[0].puzzle();
  const solutions: Solution[] = [];
  for (const client of clients) solutions.push(await client.solve(puzzle));
  const answers = await Promise.all(clients.map((client, i) => client.verify(solutions[i])));
  return { puzzle, solutions, answers, statuses: answers.map(({ status }) => status).sort() };
}

test("the known answers of the protocol hold for hash-wasm too", async () => {
  const puzzle = { seed: "00112233445566778899aabbccddeeff", parallelism: 1 };
  const trace = "fl=0f0\nip=203.0.113.45\nts=0\n";
  expect(await hashOf({ ...puzzle, time_cost: 1, memory_cost: 64 }, "visitor-1", trace, 1)).toBe(
    "5b900edac41d6811c0563b3733b525a7c79ea4f6c6f5a3571dca7e4b55fc22ec",
  );
  expect(await hashOf({ ...puzzle, time_cost: 3, memory_cost: 65536 }, "visitor-1", trace, 1)).toBe(
    "d71129e1faa4cf96cc936b38b53f4d06132088c6dab156cc05b8590477562a36",
  );
});

test.describe("at the real cost", () => {
  test.use({ settings: REAL_COST });

  test("of three programs with a solution one wins", async ({ program, server }) => {
    const clients = [await program(), await program(), await program()];
    const { puzzle, statuses, answers, solutions } = await race(clients);
    expect(puzzle).toMatchObject({ round: 1, memory_cost: 65536, time_cost: 3 });
    expect(statuses).toEqual([200, 409, 409]);
    const winner = answers.findIndex(({ status }) => status === 200);
    const { visitorId, nonce, submittedSeed } = solutions[winner];
    expect(answers[winner].body.invite_code).toBe(inviteCode(visitorId, nonce, submittedSeed));
    expect(await clients[winner].get("/api/wins")).toMatchObject({
      status: 200,
      body: [{ round: 1, invite_code: answers[winner].body.invite_code }],
    });
    expect(await server.audit()).toHaveLength(1);
  });
});

test.describe("at a low cost", () => {
  test.use({ settings: { ...CHEAP, HASHPASS_VERIFY_WORKERS: 2 } });

  test("of fifty programs with a solution one wins, round after round", async ({ program, server }) => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => program()));
    const codes = new Set<string>();
    for (const round of [1, 2, 3]) {
      const { puzzle, statuses, answers, solutions } = await race(clients);
      expect(statuses).toEqual([200, ...Array(49).fill(409)]);
      const losers = answers.filter(({ status }) => status === 409);
      for (const { body } of losers) {
        expect(body).toMatchObject({ code: "puzzle_already_solved", round: round + 1 });
        expect(body.seed).not.toBe(puzzle.seed);
      }
      const replay = await clients[0].verify(solutions[0]);
      expect(replay).toMatchObject({ status: 409, body: { code: "puzzle_already_solved" } });
      codes.add(answers.find(({ status }) => status === 200)?.body.invite_code);
    }
    expect(codes.size).toBe(3);
    const records = await server.audit();
    expect(records.map(({ round, invite_code }) => [round, invite_code])).toEqual([...codes].map((code, i) => [i + 1, code]));
  });

  test("everybody hears of a win at once, on the live connection", async ({ program }) => {
    const [winner, watcher] = [await program(), await program()];
    const socket = await watcher.connect();
    const first = await socket.next("PUZZLE");
    expect(first).toMatchObject({ round: 1, seed: (await winner.puzzle()).seed, online: 1, active_miners: 0 });
    expect((await winner.win()).status).toBe(200);
    const reset = await socket.next("PUZZLE_RESET");
    expect(reset).toMatchObject({ round: 2, reason: "solved", memory_cost: 64, time_cost: 1, parallelism: 1 });
    expect(reset.seed).toBe((await winner.puzzle()).seed);
    socket.say({ type: "ping" });
    expect(await socket.next("PONG")).toEqual({ type: "PONG", online: 1 });
  });

  test("somebody else's solution is worth nothing", async ({ program }) => {
    const [owner, thief] = [await program(), await program()];
    const solution = await owner.solve(await owner.puzzle());
    const disguised = { ...solution, visitorId: "somebody-else" };
    expect(await thief.verify(disguised)).toMatchObject({ status: 400, body: { code: "hash_mismatch" } });
    expect(await owner.verify({ ...solution, traceData: "ip=203.0.113.9\n" })).toMatchObject({
      status: 403,
      body: { code: "identity_mismatch" },
    });
    expect((await owner.verify(solution)).status).toBe(200);
  });

  test("a page watches programs race, and keeps up", async ({ visitor, program }) => {
    await visitor.arrive();
    const client = await program();
    for (let round = 1; round <= 150; round++) expect((await client.win()).status).toBe(200);
    await expect(visitor.round).toHaveText("151");
    await expect(visitor.log).toContainText("Round 151 has begun.");
    expect(await visitor.log.locator("li").count(), "the log must be bounded").toBe(100);
  });
});
