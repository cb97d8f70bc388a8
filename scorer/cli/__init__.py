"""The ``cupel`` command: one module a command or a group of commands."""

import typer

from scorer.cli import deployment, devnet, model, operator, oracle, rules, stake, submission, wallet
from scorer.cli.common import CensoredGroup
from scorer.cli.demo import demo
from scorer.cli.explain import explain, statement
from scorer.cli.leaderboard import leaderboard
from scorer.cli.rounds import rounds
from scorer.cli.simulate import simulate
from scorer.cli.submit import submit
from scorer.cli.verify import verify
from scorer.process import clean_tracebacks, forbid_core_dumps

app = typer.Typer(
    cls=CensoredGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def protect() -> None:
    """Score, stake, attest, and check."""
    forbid_core_dumps()
    clean_tracebacks()


app.command()(demo)
app.command()(verify)
app.command()(explain)
app.command()(statement)
app.command()(leaderboard)
app.command()(simulate)
app.command()(rounds)
app.command()(submit)
app.add_typer(wallet.app, name="wallet", help="Keep the key of a data scientist.")
app.add_typer(model.app, name="model", help="Register models, and say who owns and signs.")
app.add_typer(stake.app, name="stake", help="Deposit, withdraw, and put stake at risk.")
app.add_typer(oracle.app, name="oracle", help="Work as a member of the oracle committee.")
app.add_typer(operator.app, name="operator", help="Work as the operator of a tournament.")
app.add_typer(rules.app, name="rules", help="Check rules documents.")
app.add_typer(submission.app, name="submission", help="Prepare submissions.")
app.add_typer(deployment.app, name="deployment", help="Deploy a suite, and check that it is as it should be.")
app.add_typer(devnet.app, name="devnet", help="Run a whole tournament on a local chain.")
