import { readdirSync, readFileSync } from "node:fs";

/** A thread, as Linux names it. */
export interface Thread {
  process: number;
  thread: number;
}

/** All web workers of the browser that this process has started; none where there is no `/proc`. */
export function webWorkers(): Thread[] {
  return entries("/proc")
    .filter(isDescendant)
    .flatMap((process) => entries(`/proc/${process}/task`).map((thread) => ({ process, thread })))
    .filter(({ process, thread }) => read(`/proc/${process}/task/${thread}/comm`).startsWith("DedicatedWorker"));
}

/** How many milliseconds these threads have run on a processor, all together; `undefined` where nobody knows. */
export function processorTime(threads: Thread[]): number | undefined {
  const times = threads.map(({ process, thread }) => Number(read(`/proc/${process}/task/${thread}/schedstat`).split(" ")[0]));
  return times.length === 0 || times.some((time) => !time) ? undefined : times.reduce((sum, time) => sum + time, 0) / 1e6;
}

function isDescendant(child: number): boolean {
  for (let ancestor = child; 1 < ancestor; ) {
    // Behind the name, which may hold anything, come the state and the parent.
    const parent = Number(read(`/proc/${ancestor}/stat`).replace(/^.*\) \S /s, "").split(" ")[0]);
    if (parent === process.pid) return true;
    if (!parent) return false;
    ancestor = parent;
  }
  return false;
}

function entries(directory: string): number[] {
  try {
    return readdirSync(directory).map(Number).filter(Boolean);
  } catch {
    return [];
  }
}

/** Empty for what has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
