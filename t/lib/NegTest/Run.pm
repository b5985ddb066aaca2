package NegTest::Run;

# t/TEST: an Apache::TestRun that works in a private directory (NegTest::Stage)
# with a KDC beside the server. Apache::Test keeps its habits - it writes into
# t/conf and t/logs, and httpd's user reads t/htdocs - but finds a staged t/ for
# them, so that the tree is only read and may lie anywhere.

use strict;
use warnings;

use base 'Apache::TestRun';

use Cwd qw(abs_path getcwd);
use File::Basename qw(basename dirname);
use File::Path 'make_path';
use NegTest::Httpd qw(apxs_program httpd_env httpd_program httpd_user module_lines);
use NegTest::KDC;
use NegTest::Log;
use NegTest::Ports 'free_port';
use NegTest::Process qw(clean_environment wait_until);
use NegTest::Server;
use NegTest::Stage;
use NegTest::Tally;
use NegTest::TLS;

my ($owner, $stage, $kdc, $run, $quiet, $answers);

# --- the story ---------------------------------------------------------------

sub main {
    my ($class, $tree, @argv) = @_;
    $owner = $$;
    $SIG{$_} = sub { print STDERR "\nstopping\n"; exit 1 } for qw(INT TERM HUP);
    clean_environment();
    # Apache::TestRun would start itself anew to allow core files.
    $ENV{APACHE_TEST_ULIMIT_SET} = 1;
    @argv = map { as_test_name($_, "$tree/t") } @argv;

    $stage = NegTest::Stage->make('mod_auth_negotiate-test');
    stage_tests("$tree/t");
    NegTest::TLS->make_authority($stage->dir . '/tls')->make_certificate('server');
    start_kdc();
    tell_tests($tree);
    keep_answers(@argv);

    chdir $stage->dir or die $stage->dir, ": $!\n";
    $0   = $stage->dir . '/t/TEST';
    $run = $class->new;
    $run->run(@argv);
    exit 0;
}

# What failed is told at the end, unless it was told already or is told by who has asked for TAP.
sub keep_answers {
    return if $ENV{PERL_TEST_HARNESS_DUMP_TAP} || grep { /^-v/ } @_;
    $answers = $ENV{PERL_TEST_HARNESS_DUMP_TAP} = $stage->dir . '/tap';
    mkdir $answers or die "$answers: $!\n";
}

# However the run ends: nothing stays but, after a failure, the evidence.
END {
    if (defined $owner && $owner == $$ && $stage) {
        my $status = $?;
        stop_server();
        $kdc->stop if $kdc;
        $status ||= report_crashes();
        if ($status == 0 && !$ENV{NEG_KEEP}) {
            chdir '/';
            $stage->remove;
        }
        else {
            $stage->keep;
            print STDERR NegTest::Tally::complaints_of_directory($answers) if $answers;
            print STDERR "The run's files, with t/logs/error_log, are in ", $stage->dir, "\n";
        }
        $? = $status;
    }
}

# --- before the run ----------------------------------------------------------

# A test may be named from anywhere; Apache::Test wants t/name.t.
sub as_test_name {
    my ($argument, $t_dir) = @_;
    return $argument if $argument !~ /\.t$/ || !-e $argument;
    my $path = abs_path($argument);
    return $path =~ m{^\Q$t_dir\E/(.*)$} ? "t/$1" : $argument;
}

# Test programs run as ourselves and may stay where they are; what httpd reads
# is copied.
sub stage_tests {
    my ($t_dir) = @_;
    my $staged = $stage->dir . '/t';
    make_path("$staged/logs", "$staged/conf", "$staged/state");
    symlink $_, "$staged/" . basename($_) for glob "$t_dir/*.t";
    $stage->copy_in($_, 't/conf/') for glob "$t_dir/conf/*";
    for my $name (qw(htdocs cgi-bin)) {
        $stage->copy_in($_, "$name/") for glob "$t_dir/$name/*";
    }
    open my $out, '>', "$staged/conf/modules.load" or die "modules.load: $!\n";
    print $out module_lines();
    close $out;
    return;
}

# alice and bob are people; dave's tickets can not be forwarded; carol is of
# another realm. The server's keytab holds HTTP/localhost, HTTP/www.example.test
# and, to be refused by default, host/localhost.
sub start_kdc {
    $kdc = NegTest::KDC->start(
        dir    => $stage->dir . '/kdc',
        realms => [ 'EXAMPLE.TEST', 'OTHER.TEST' ]
    );
    $kdc->add_principal($_, password => $_ =~ s/\@.*//r) for qw(alice bob carol@OTHER.TEST);
    $kdc->add_principal('dave', password => 'dave', attributes => { allow_forwardable => 0 });
    my @services = qw(HTTP/localhost HTTP/www.example.test host/localhost);
    my $keytab   = $stage->dir . '/keytab/http.keytab';
    $kdc->add_principal($_) for @services;
    $kdc->add_to_keytab($keytab, \@services);
    $stage->give_to_httpd($keytab, 0600);
    return;
}

# What NegTest's functions read.
sub tell_tests {
    my ($tree) = @_;
    $ENV{NEG_STAGE}  = $stage->dir;
    $ENV{NEG_SOURCE} = $tree;
    $ENV{HOME}       = $stage->dir . '/home';
    $ENV{PERL5LIB}   = join ':', "$tree/t/lib", $ENV{PERL5LIB} || ();
    my %env = ($kdc->env, %{ NegTest::Server->module_variables });
    $ENV{KRB5_CONFIG} = $env{KRB5_CONFIG};
    $ENV{NEG_MODULE}  = $env{neg_module};
    $ENV{NEG_EXAMPLE} = $env{neg_example};
    $ENV{NEG_FAULTS} ||= "$tree/build/t/preload.so";
    $ENV{NEG_MINT}   ||= "$tree/build/t/mint";
    $ENV{NEG_FORWARD} ||= "$tree/build/t/forward";
    die "$ENV{NEG_MODULE} is not there; run make first\n" if !-e $ENV{NEG_MODULE};
    return;
}

# --- what Apache::TestRun asks -----------------------------------------------

sub new_test_config {
    my ($self) = @_;
    my ($user, $group) = httpd_user();
    my $dir  = $stage->dir;
    my %conf = (
        %{ $self->{conf_opts} },
        %{ NegTest::Server->module_variables },
        top_dir      => $dir,
        serverroot   => "$dir/t",
        documentroot => "$dir/htdocs",
        apxs         => apxs_program(),
        httpd        => httpd_program(),
        httpd_conf   => "$dir/t/conf/modules.load",
        servername   => 'localhost',
        port         => free_port(),
        keytab       => "$dir/keytab/http.keytab",
        stage        => $dir,
        defined $user ? (user => $user, group => $group) : (),
        ports_for("$dir/t/conf/extra.conf.in"),
    );
    $ENV{NEG_PORT} = $conf{port};
    return NegTest::Run::Config->new(\%conf);
}

# Every @name_port@ in the configuration gets a port of its own, which a test
# knows as port('name').
sub ports_for {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    my %names = map { $_ => 1 } <$in> =~ /\@(\w+)_port\@/g;
    my %ports;
    for my $name (sort keys %names) {
        $ports{"${name}_port"} = $ENV{ 'NEG_PORT_' . uc $name } = free_port();
    }
    return %ports;
}

# As root the children run as httpd_user(): Apache::Test need not refuse.
sub check_runtime_user { return 1 }

# Apache::TestServer starts a command line; the environment is for httpd alone.
sub start {
    my ($self) = @_;
    my %env = httpd_env($stage->dir);
    $self->{server}{neg_prefix} = join ' ', 'env', map { "$_=$env{$_}" } sort keys %env;
    bless $self->{server}, 'NegTest::Run::Server';
    return $self->SUPER::start;
}

# --- after the run -----------------------------------------------------------

sub stop_server {
    my $server = $run && $run->{server} or return;
    my $pid = $server->pid or return;
    NegTest::Server::end_children($pid);
    kill TERM => $pid;
    wait_until(sub { !kill 0, $pid }, 15) || kill KILL => $pid;
    return;
}

# A child that died, or a sanitizer's report, fails the run even when every
# answer was right.
sub report_crashes {
    my @logs = (glob($stage->dir . '/t/logs/error_log'), glob($stage->dir . '/servers/*/error_log'),
        glob($stage->dir . '/servers/*/output'));
    my $found = 0;
    for my $file (@logs) {
        my $log = NegTest::Log->new($file);
        $log->{from} = 0;
        my @lines = $log->crashes or next;
        print STDERR "$file tells of a crash:\n", map { "    $_\n" } @lines;
        $found = 1;
    }
    return $found;
}

package NegTest::Run::Server;

use base 'Apache::TestServer';

sub start_cmd {
    my ($self) = @_;
    return "$self->{neg_prefix} " . $self->SUPER::start_cmd;
}

package NegTest::Run::Config;

use base 'Apache::TestConfig';

# Our virtual hosts name their ports themselves and listen on the loopback
# address only; Apache::TestConfig would listen on all.
sub parse_vhost { return }

1;

__END__

=head1 NAME

NegTest::Run - the runner behind t/TEST

=head1 SYNOPSIS

    t/TEST                          # all tests
    t/TEST -verbose t/00-smoke.t    # from any folder, as root or not
    NEG_MPM=prefork t/TEST          # event by default
    NEG_KEEP=1 t/TEST               # keep the run's files

Environment: NEG_APXS, NEG_MODULE, NEG_EXAMPLE, NEG_FAULTS, NEG_FORWARD, NEG_MINT, NEG_MPM, NEG_SANITIZE_PRELOAD,
NEG_KEEP, TMPDIR.

=cut
