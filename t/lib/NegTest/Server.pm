package NegTest::Server;

# One more httpd, with its own directory, port and configuration.

use strict;
use warnings;

use Cwd 'abs_path';
use File::Basename 'dirname';
use File::Path 'make_path';
use IO::Socket::INET;
use NegTest::Httpd qw(httpd_program httpd_user httpd_env module_lines);
use NegTest::Log;
use NegTest::Ports 'free_port';
use NegTest::Process qw(run wait_until);

use constant { START_SECONDS => 30, GRACEFUL_SECONDS => 5, REST_SECONDS => 0.3 };

my $T_DIR = abs_path(dirname(__FILE__) . '/../..');
my $count = 0;

sub new {
    my ($class, %opt) = @_;
    my $stage = $opt{stage} or die 'NegTest::Server: stage is missing';
    $count++;
    my $self = bless {
        stage => $stage,
        dir   => $opt{dir} || "$stage/servers/$$-$count",
        port  => $opt{port} || free_port(),
        env   => { httpd_env($stage), %{ $opt{env} || {} } },
        under => $opt{under} || [],
        first => $opt{first} || '',
        defines => [ map { ('-D', $_) } @{ $opt{defines} || [] } ],
    }, $class;
    make_path($self->{dir});
    $self->{log} = NegTest::Log->new("$self->{dir}/error_log");
    $self->configure($opt{conf});
    return $self;
}

sub dir  { $_[0]{dir} }
sub port { $_[0]{port} }
sub log  { $_[0]{log} }
sub conf { $_[0]{conf} }
sub url  { my ($self, $path) = @_; return "http://localhost:$self->{port}" . ($path || '/') }

# Writes httpd.conf: the same frame as the test server's, then the given text.
# @port@, @dir@, @stage@ and @keytab@ are replaced in it.
sub configure {
    my ($self, $text) = @_;
    $self->{conf} = $self->_fill_in(defined $text ? $text : '');
    my ($user, $group) = httpd_user();
    my $frame = $self->_fill_in(_read("$T_DIR/conf/httpd.conf.in"));
    open my $out, '>', "$self->{dir}/httpd.conf" or die "$self->{dir}/httpd.conf: $!\n";
    print $out module_lines();
    print $out $self->{first};
    print $out "User $user\nGroup $group\n" if defined $user;
    print $out "ServerName localhost:$self->{port}\n", $frame, $self->{conf};
    close $out;
    return $self;
}

sub _fill_in {
    my ($self, $text) = @_;
    my %value = (
        stage        => $self->{stage},
        dir          => $self->{dir},
        port         => $self->{port},
        keytab       => "$self->{stage}/keytab/http.keytab",
        serverroot   => $self->{stage},
        documentroot => "$self->{stage}/htdocs",
        t_logs       => $self->{dir},
        t_pid_file   => "$self->{dir}/httpd.pid",
        %{ module_variables() },
    );
    my $value_of = sub {
        my ($name) = @_;
        return exists $value{$name} ? $value{$name} : die "unknown \@$name\@ in the configuration\n";
    };
    $text =~ s/\@(\w+)\@/$value_of->($1)/ge;
    return $text;
}

# The module under test and the example that uses it from inside.
sub module_variables {
    my $build = abs_path("$T_DIR/..") . '/build';
    return {
        neg_module  => $ENV{NEG_MODULE}  || "$build/mod_auth_negotiate.so",
        neg_example => $ENV{NEG_EXAMPLE} || "$build/t/mod_neg_example.so",
    };
}

# --- httpd -t ----------------------------------------------------------------

sub check {
    my ($self, @args) = @_;
    return run([ $self->command('-t', @args) ], env => $self->{env}, timeout => START_SECONDS);
}

sub dump {
    my ($self, $what) = @_;
    return $self->check('-D', "DUMP_$what");
}

# --- start and stop ----------------------------------------------------------

sub start {
    my ($self) = @_;
    $self->try_to_start or die "httpd did not start:\n", $self->said;
    return $self;
}

# True when it runs; otherwise said() tells why not.
sub try_to_start {
    my ($self) = @_;
    $self->{process} = NegTest::Process->start(
        [ @{ $self->{under} }, $self->command(@{ $self->{under} } ? '-X' : '-DFOREGROUND') ],
        env    => $self->{env},
        output => "$self->{dir}/output",
        before_stop => \&end_children,
    );
    wait_until(sub { !$self->{process}->alive || $self->_is_ready }, START_SECONDS);
    return $self->{process}->alive && $self->_is_ready;
}

# It answers before it minds signals; this notice comes after both, at every LogLevel, but not with
# -X.
sub _is_ready {
    my ($self) = @_;
    return $self->_answers if @{ $self->{under} };
    return $self->_answers && $self->{log}->text =~ /resuming normal operations/;
}

# What it wrote to the terminal and, once that was open, to its error log.
sub said {
    my ($self) = @_;
    return ($self->{process} ? $self->{process}->output : '') . $self->{log}->text;
}

sub stop {
    my ($self) = @_;
    $self->{process}->stop if $self->running;
    return $self;
}

# At SIGTERM the event MPM closes its workers' sockets from another thread, and crashes when a worker
# is just giving one back; a child of prefork's leaves from within the signal's handler, whatever it
# was doing. At SIGWINCH children let what they do end. What stays is mod_cgid's daemon, and with
# prefork children whose connection is kept open, which are at rest.
sub end_children {
    my ($parent) = @_;
    my ($stay, $seconds) = _is_event() ? (1, GRACEFUL_SECONDS) : (0, REST_SECONDS);
    kill WINCH => $parent;
    wait_until(sub { (my @left = children_of($parent)) <= $stay }, $seconds);
    return;
}

sub _is_event { return ($ENV{NEG_MPM} || 'event') eq 'event' }

sub running { my ($self) = @_; return $self->{process} && $self->{process}->alive }
sub pid     { $_[0]{process}->pid }

# Not graceful means that nobody of before is left; SIGHUP may crash the event MPM like SIGTERM.
sub restart {
    my ($self, %opt) = @_;
    my $before   = NegTest::Log->new($self->{log}->file);
    my @children = $self->children;
    my $gently   = $opt{graceful} || _is_event();
    kill $gently ? 'USR1' : 'HUP', $self->pid;
    return 0 if !$before->wait_for(qr/resuming normal operations/, START_SECONDS);
    return $opt{graceful} || wait_until(sub { !grep { kill 0, $_ } @children }, GRACEFUL_SECONDS) ? 1 : 0;
}

# The pids of the children, to see whether one died.
sub children { my ($self) = @_; return children_of($self->pid) }

# Kilobytes that the children have for themselves.
sub memory {
    my ($self) = @_;
    my $kilobytes = 0;
    for my $pid ($self->children) {
        open my $in, '<', "/proc/$pid/status" or next;
        /^RssAnon:\s+(\d+)/ and $kilobytes += $1 while <$in>;
    }
    return $kilobytes;
}

sub children_of {
    my ($parent) = @_;
    my @pids;
    for my $file (glob '/proc/[0-9]*/stat') {
        open my $in, '<', $file or next;
        my $line = <$in>;
        push @pids, $1 if defined $line && $line =~ /^(\d+) \(.*\) \S (\d+) /s && $2 == $parent;
    }
    return sort { $a <=> $b } @pids;
}

sub command {
    my ($self, @args) = @_;
    return (httpd_program(), '-d', $self->{stage}, '-f', "$self->{dir}/httpd.conf", @{ $self->{defines} }, @args);
}

sub _answers {
    my ($self) = @_;
    return -s "$self->{dir}/httpd.pid"
      && IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) ? 1 : 0;
}

sub _read {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

1;

__END__

=head1 NAME

NegTest::Server - start, check and stop an httpd of one's own

=head1 SYNOPSIS

    my $server = NegTest::Server->new(stage => $dir, conf => <<'CONF', env => { ... });
    <Location /x>
        AuthType Negotiate
        AuthNegotiateKeytab @keytab@
        Require valid-user
    </Location>
    CONF
    $server->start;                          # dies with what httpd said
    $server->port; $server->url('/x'); $server->log; $server->children;
    $server->conf;                           # the text, filled in
    $server->memory;                         # of the children, in kilobytes
    $server->restart(graceful => 1);
    $server->stop;                           # also when the object goes

    my $r = $server->check;                  # httpd -t: $r->{ok}, $r->{output}
    $server->dump('NEGOTIATE')->{output};    # httpd -t -D DUMP_NEGOTIATE
    ok !$server->try_to_start; like $server->said, qr/keytab/;
    $server->configure($other_text);         # before the next start
    NegTest::Server->new(..., defines => ['name']);           # httpd -D name
    NegTest::Server->new(..., first => $load_modules);        # before this one
    NegTest::Server->new(..., under => [qw(valgrind -q)]);    # httpd -X under a tool

The C<env> given is that of httpd alone; a value of undef removes a variable.
In tests, C<server(...)> of L<NegTest> fills in the stage.

=cut
