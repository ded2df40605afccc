/**
 * The `millrace` command and its subcommands. Data goes to standard output, everything else to standard error.
 *
 * Only what reads the arguments is loaded here: each command's own code is when it is used, so that `millrace list` does
 * not load what runs jobs.
 */

import { Command, CommanderError } from "commander";
import { ownVersion } from "../version.ts";
import type { ClusterStartOptions } from "./cluster-command.ts";
import { withConnection, withData, withTls } from "./connection.ts";
import type { CoordinatorCommandOptions } from "./coordinator-command.ts";
import type { DiffOptions } from "./diff-command.ts";
import type { DoctorOptions } from "./doctor-command.ts";
import type { EndOptions, StopOptions } from "./end-command.ts";
import { errorText } from "./error-text.ts";
import { type ExitCode, exitCodeOf, exitCodes } from "./exit-code.ts";
import { executionOption, list, positiveDuration, positiveNumber, stateOption, withJobOptions } from "./job-options.ts";
import type { KafkaTransactionsOptions } from "./kafka-command.ts";
import { label } from "./label.ts";
import type { ListOptions } from "./list-command.ts";
import type { LogsOptions } from "./logs-command.ts";
import type { ResultOptions } from "./result-command.ts";
import type { RunCommandOptions } from "./run-command.ts";
import type { SavepointOptions } from "./savepoint-command.ts";
import type { SubmitOptions } from "./submit-command.ts";
import { withUpgrade } from "./upgrade-options.ts";
import type { WorkerCommandOptions } from "./worker-command.ts";
import { port, withSlots } from "./worker-options.ts";

/** Runs the command that the arguments say and returns its exit code. What went wrong is printed, not thrown. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  const invocation = new Invocation();
  const program = new Command("millrace")
    .description("Runs stream-processing jobs: modules whose default export was made by defineJob.")
    .version(ownVersion())
    .addHelpText("after", exitCodeHelp)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error\b/, label("error"))) });
  addLocalCommands(program, invocation);
  addJobCommands(program, invocation);
  addClusterCommands(program, invocation);
  addKafkaCommands(program, invocation);
  process.stdout.on("error", endQuietly);
  try {
    await program.parseAsync(args, { from: "user" });
    return invocation.exitCode;
  } catch (error) {
    // Commander throws when it has printed help, the version or a complaint.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.refused;
    throw error;
  }
}

const exitCodeHelp = `
Exit codes:
  0    done: the job finished, the answer was printed, or the process was stopped as asked
  1    the job failed, doctor found what has to be mended, or diff what keeps a job from going on
  2    refused: wrong usage, a program that is not valid, or no such job
  3    no coordinator answers, or it has no room: later it may work
  4    the job was cancelled by someone else
  130  the job was cancelled by Ctrl-C
`;

/** Whoever read the output, such as `head`, has seen enough. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.done);
}

/** What the one command that was called came to. */
class Invocation {
  exitCode: ExitCode = exitCodes.done;

  /** An action that loads a command with `load` and runs it with the arguments and options. */
  action<Args extends unknown[]>(
    load: () => Promise<(...args: Args) => Promise<ExitCode>>,
  ): (...args: Args) => Promise<void> {
    return async (...args) => {
      try {
        const command = await load();
        this.exitCode = await command(...args);
      } catch (error) {
        const options = args.find((arg): arg is { readonly verbose?: boolean } => typeof arg === "object") ?? {};
        process.stderr.write(`${errorText(error, { verbose: options.verbose ?? false, label })}\n`);
        this.exitCode = exitCodeOf(error);
      }
    };
  }
}

const executionText = "streaming, batch or auto; as the job says where it is absent";
const stateText = "where state is: memory, or level:256MB for what exceeds that much on the disk";

function addLocalCommands(program: Command, invocation: Invocation): void {
  withUpgrade(
    withJobOptions(program.command("run"), "print the final metrics and the collected rows as one line of JSON"),
  )
    .description("run a job in this process, on worker threads, until it ends")
    .option(
      "--checkpoints <place>",
      "take checkpoints into a folder, level:FOLDER or s3://…, and go on from the newest there",
    )
    .option("--execution <mode>", executionText, executionOption)
    .option("--state <backend>", stateText, stateOption)
    .option("--from <folder>", "go on from the savepoint in that folder, unless there are checkpoints of its own")
    .action(invocation.action<[string, RunCommandOptions]>(async () => (await import("./run-command.ts")).runCommand));
  withConnection(
    withJobOptions(
      program.command("explain"),
      "print the plan as JSON",
      "the module of the job, or a job of the cluster",
    ),
  )
    .description("print a job's logical, chained and parallel graph, and run nothing")
    .option("--execution <mode>", executionText, executionOption)
    .action(
      invocation.action<[string, SubmitOptions]>(async () => (await import("./explain-command.ts")).explainCommand),
    );
  withUpgrade(
    withJobOptions(
      program.command("diff").argument("<savepoint>", "the folder of a savepoint, or of an embedded job's checkpoints"),
      "print the decisions as one line of JSON",
    ),
  )
    .description("say what becomes of each state of a savepoint if a job goes on from it; exit code 1: it cannot")
    .action(
      invocation.action<[string, string, DiffOptions]>(async () => (await import("./diff-command.ts")).diffCommand),
    );
  withConnection(program.command("doctor"))
    .description("check this host, and the cluster that is configured")
    .option("--kafka <host:port>", "see whether a broker takes connections; may be repeated", list, [])
    .option("--json", "print the findings as one line of JSON", false)
    .action(invocation.action<[DoctorOptions]>(async () => (await import("./doctor-command.ts")).doctorCommand));
}

function addJobCommands(program: Command, invocation: Invocation): void {
  withUpgrade(
    withConnection(
      withJobOptions(program.command("submit"), "print the result, or with --detach the job, as one line of JSON"),
    ),
  )
    .description("bundle a job, run it on a cluster, and follow it to its end")
    .option("--detach", "leave it running and print its id", false)
    .option("--from <folder>", "go on from the savepoint in that folder")
    .option("--slot-heap <MB>", "how large the JavaScript heap of each slot may grow", positiveNumber)
    .option("--state <backend>", stateText, stateOption)
    .action(
      invocation.action<[string, SubmitOptions]>(async () => (await import("./submit-command.ts")).submitCommand),
    );
  withConnection(program.command("list"))
    .description("show the jobs of the cluster")
    .option("-a, --all", "also those that have ended", false)
    .option("--json", "print them as one line of JSON", false)
    .action(invocation.action<[ListOptions]>(async () => (await import("./list-command.ts")).listCommand));
  onJob(program.command("info"), "print it as one line of JSON")
    .description("show how a job is doing, vertex by vertex, and why it waits or failed")
    .action(invocation.action<[string, ListOptions]>(async () => (await import("./info-command.ts")).infoCommand));
  onJob(program.command("result"), "print state, metrics and rows as one line of JSON")
    .description("print the rows that a job's collectTo sinks have kept")
    .option("--sink <name>", "only those of one sink")
    .action(
      invocation.action<[string, ResultOptions]>(async () => (await import("./result-command.ts")).resultCommand),
    );
  onJob(program.command("logs"), "print each entry as a line of JSON")
    .description("print a job's log, with what its print sinks have written")
    .option("-f, --follow", "go on until the job ends", false)
    .action(invocation.action<[string, LogsOptions]>(async () => (await import("./logs-command.ts")).logsCommand));
  onJob(program.command("cancel"), "print the job as one line of JSON")
    .description("end a job at once: what its windows hold is lost")
    .option("--wait", "until it has ended", false)
    .action(invocation.action<[string, EndOptions]>(async () => (await import("./end-command.ts")).cancelCommand));
  onJob(program.command("stop"), "print the job as one line of JSON")
    .description("end a job's sources, so that its windows fire and it finishes")
    .option("--wait", "until it has ended", false)
    .option("--savepoint [folder]", "end it at a savepoint instead, from which another submission goes on")
    .option("--drain", "fire all windows before the savepoint: for a job that will not go on", false)
    .action(invocation.action<[string, StopOptions]>(async () => (await import("./end-command.ts")).stopCommand));
  onJob(program.command("savepoint"), "print where it is as one line of JSON")
    .description("take a savepoint of a running job, and print its folder")
    .option("--to <folder>", "where it goes (default: a folder of the coordinator's)")
    .action(
      // Commander gives itself as a further argument.
      invocation.action<[string, SavepointOptions]>(async () => {
        const { savepointCommand } = await import("./savepoint-command.ts");
        return (job, options) => savepointCommand(job, options);
      }),
    );
}

function withListening(command: Command): Command {
  return withTls(withData(command))
    .option("--host <host>", "the address to listen on; others than loopback need --tls-*", "127.0.0.1")
    .option("--port <port>", "the port for requests and workers; 0 takes any", port, 8081)
    .option("--allow-host <name>", "a further name by which it is called; may be repeated", list, [])
    .option(
      "--checkpoints <place>",
      "where checkpoints go: the workers' own stores, or a folder or URL that all processes reach (default: workers)",
    )
    .option(
      "--heartbeat-every <duration>",
      "how often it and its workers give a sign (default: 500ms)",
      positiveDuration,
    )
    .option("--heartbeat-timeout <duration>", "how long the other side may be silent (default: 5s)", positiveDuration)
    .option(
      "--slot-timeout <duration>",
      "how long a job waits for workers that are not there (default: 30s)",
      positiveDuration,
    )
    .option("--json", "print where it is as one line of JSON", false)
    .option("--verbose", "log more", false);
}

function onJob(command: Command, json: string): Command {
  return withConnection(command)
    .argument("<job>", "its id, the beginning of it, or its name")
    .option("--json", json, false);
}

function addClusterCommands(program: Command, invocation: Invocation): void {
  const cluster = program.command("cluster").description("a coordinator and its workers on this machine");
  withSlots(withListening(cluster.command("start")), 2)
    .description("start a coordinator here and workers as its child processes, until Ctrl-C")
    .option("--workers <number>", "how many worker processes", positiveNumber, 2)
    .action(
      invocation.action<[ClusterStartOptions]>(async () => (await import("./cluster-command.ts")).clusterStartCommand),
    );
  withListening(program.command("coordinator"))
    .description("start a coordinator, until Ctrl-C")
    .action(
      invocation.action<[CoordinatorCommandOptions]>(
        async () => (await import("./coordinator-command.ts")).coordinatorCommand,
      ),
    );
  withSlots(withConnection(program.command("worker")))
    .description("start a worker, until Ctrl-C")
    .option("--exchange-host <host>", "where workers of other machines reach it (default: a unix socket)")
    .option("--exchange-port <port>", "and at which port (default: any)", port)
    .option("--exchange-advertise <host:port>", "what they are told instead, where a proxy or NAT stands between")
    .option("--host-name <name>", "the machine that it counts as running on, for copies of checkpoints")
    .option("--exit-with-parent", "be told on standard input where the coordinator is, and end with it", false)
    .option("--verbose", "log more", false)
    .action(invocation.action<[WorkerCommandOptions]>(async () => (await import("./worker-command.ts")).workerCommand));
  withConnection(program.command("workers"))
    .description("show the workers of the cluster")
    .option("--json", "print them as one line of JSON", false)
    .action(invocation.action<[ListOptions]>(async () => (await import("./workers-command.ts")).workersCommand));
}

function addKafkaCommands(program: Command, invocation: Invocation): void {
  const kafka = program.command("kafka").description("what Kafka sinks have left in a Kafka cluster");
  kafka
    .command("transactions")
    .description("show the transactions of sinks that are open, or abort those of a job that will not go on")
    .option("--brokers <host:port,…>", "some brokers of the cluster", "127.0.0.1:9092")
    .option("--config <file>", "further options of the connection as JSON: tls, sasl")
    .option("--prefix <text>", "what the transactional ids begin with", "millrace-")
    .option("--all", "ids under which nothing is open too", false)
    .option("--abort <id>", "end this one, or with * at its end all that begin so; may be repeated", list, [])
    .option("--json", "print them as one line of JSON", false)
    .action(
      invocation.action<[KafkaTransactionsOptions]>(
        async () => (await import("./kafka-command.ts")).kafkaTransactionsCommand,
      ),
    );
}
