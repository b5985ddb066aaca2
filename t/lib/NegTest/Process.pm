package NegTest::Process;

# Child processes: run one to its end within a time limit, or keep one going
# and stop it, and only it, by its pid.

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use POSIX qw(WNOHANG _exit setpgid);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(run run_ok wait_until clean_environment);

my %running;    # pid => the object that stops it

# Leaving by exit, die or a handled signal must not leave a daemon behind. A
# forked child inherits %running but not the right to stop what it did not
# start, so every object remembers its owner.
END { local $?; stop_all() }

sub stop_all { $_->stop for grep { $_->{owner} == $$ } values %running }

# Proxies, languages and other people's Kerberos settings change answers.
sub clean_environment {
    delete @ENV{ grep { /_proxy$/i || /^KRB5/ || /^(?:LC_|LANGUAGE|APACHE_TEST_)/ } keys %ENV };
    $ENV{LC_ALL} = 'C';
    $ENV{TZ}     = 'UTC';
    return;
}

sub run {
    my ($command, %opt) = @_;
    my $output = File::Temp->new(TEMPLATE => 'negtest-out-XXXXXXXX', TMPDIR => 1);
    my $pid    = _fork_and_exec($command, %opt, output => "$output");
    my $limit  = $opt{timeout} || 60;
    my $ended  = wait_until(sub { waitpid($pid, WNOHANG) == $pid }, $limit);
    my $status = $?;
    if (!$ended) {
        kill KILL => -$pid;
        waitpid $pid, 0;
        $status = -1;
    }
    my $text = _slurp("$output");
    $text .= "(stopped after $limit seconds)\n" if !$ended;
    return { ok => $status == 0, status => $status, output => $text };
}

sub run_ok {
    my ($command, %opt) = @_;
    my $result = run($command, %opt);
    die "@$command failed:\n$result->{output}" if !$result->{ok};
    return $result->{output};
}

sub wait_until {
    my ($condition, $seconds) = @_;
    my $end = time + $seconds;
    until ($condition->()) {
        return 0 if time > $end;
        sleep 0.02;
    }
    return 1;
}

sub start {
    my ($class, $command, %opt) = @_;
    my $pid  = _fork_and_exec($command, %opt);
    my $self = bless {
        pid    => $pid,
        owner  => $$,
        name   => $opt{name} || $command->[0],
        output => $opt{output},
        before => $opt{before_stop},
    }, $class;
    return $running{$pid} = $self;
}

sub pid { $_[0]{pid} }

sub alive {
    my ($self) = @_;
    return 0 if !$self->{pid};
    return kill(0, $self->{pid}) if $self->{owner} != $$;
    return 1 if waitpid($self->{pid}, WNOHANG) == 0;
    $self->{status} = $?;
    $self->_forget;
    return 0;
}

sub output { $_[0]{output} ? _slurp($_[0]{output}) : '' }

sub stop {
    my ($self, $signal) = @_;
    return if !$self->{pid} || $self->{owner} != $$;
    $self->{before}->($self->{pid}) if $self->{before} && !$signal && $self->alive;
    kill $signal || 'TERM', $self->{pid} if $self->{pid};
    if (!wait_until(sub { !$self->alive }, 15)) {
        kill KILL => -$self->{pid};
        waitpid $self->{pid}, 0;
        $self->_forget;
    }
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!, $@);
    $self->stop;
}

sub _forget {
    my ($self) = @_;
    delete $running{ delete $self->{pid} };
    return;
}

# The child gets its own process group: a Ctrl-C or a resized terminal (httpd
# takes SIGWINCH for "stop gracefully") reaches us, and we decide.
sub _fork_and_exec {
    my ($command, %opt) = @_;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    return $pid if $pid;

    setpgid(0, 0);
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP CHLD PIPE);
    my %env = %{ $opt{env} || {} };
    for my $name (keys %env) {
        if (defined $env{$name}) { $ENV{$name} = $env{$name} }
        else                     { delete $ENV{$name} }
    }
    my $ready = (!$opt{dir} || chdir $opt{dir})
      && _redirect_input($opt{input})
      && (!$opt{output} || (open(STDOUT, '>>', $opt{output}) && open(STDERR, '>&', \*STDOUT)));
    if ($ready) {
        no warnings 'exec';
        exec { $command->[0] } @$command;
    }
    print STDERR "cannot run $command->[0]: $!\n";
    _exit(127);
}

sub _redirect_input {
    my ($text) = @_;
    return open STDIN, '<', '/dev/null' if !defined $text;
    my $file = File::Temp->new(TMPDIR => 1);
    print $file $text;
    close $file;
    my $opened = open STDIN, '<', "$file";
    unlink "$file";
    return $opened;
}

sub _slurp {
    my ($file) = @_;
    open my $in, '<', $file or return '';
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

1;

__END__

=head1 NAME

NegTest::Process - run and stop child processes

=head1 SYNOPSIS

    use NegTest::Process qw(run run_ok wait_until);

    my $r = run(['klist', '-c', $cc], env => { KRB5_CONFIG => $file },
                timeout => 10, input => "typed\n", dir => '/');
    $r->{ok}; $r->{status}; $r->{output};       # stdout and stderr together
    my $text = run_ok([...]);                   # dies when the command fails
    wait_until(sub { -e $file }, 5) or die;
    clean_environment();                        # no proxies, LC_ALL=C

    my $p = NegTest::Process->start(['krb5kdc', '-n'], output => $logfile);
    $p->pid; $p->alive; $p->output; $p->stop;   # stopped at exit in any case
    # before_stop => sub { my ($pid) = @_; ... } prepares it for that

=cut
