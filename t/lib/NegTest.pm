package NegTest;

# What a test under t/TEST needs, by short names. The runner (NegTest::Run) has
# started the KDC and the server and says in the environment where they are.

use strict;
use warnings;

use Exporter 'import';
use MIME::Base64 'encode_base64';
use NegTest::HTTP;
use NegTest::Initiator;
use NegTest::KDC;
use NegTest::Log;
use NegTest::Process qw(run wait_until);
use NegTest::Server;
use POSIX ();
use Storable ();

our @EXPORT = qw(
  stage_dir source_dir keytab port url kdc ccache http initiator server
  error_log server_pid children curl run wait_until in_parallel negotiate
);

sub stage_dir  { return $ENV{NEG_STAGE} || die "start tests with t/TEST\n" }
sub source_dir { return $ENV{NEG_SOURCE} }

# keytab/http.keytab is the test server's; other names are for a test's own.
sub keytab { my ($name) = @_; return stage_dir() . '/keytab/' . ($name || 'http') . '.keytab' }

# port() is the server's; port('tls') the one that extra.conf.in calls @tls_port@.
sub port {
    my ($name) = @_;
    my $variable = defined $name ? 'NEG_PORT_' . uc $name : 'NEG_PORT';
    return $ENV{$variable} || die "$variable is not set: no \@${name}_port\@ in extra.conf.in?\n";
}

sub url {
    my ($path, $name) = @_;
    my $scheme = ($name || '') =~ /^tls/ ? 'https' : 'http';
    return "$scheme://localhost:" . port($name) . $path;
}

my $kdc;
sub kdc { return $kdc ||= NegTest::KDC->attach(stage_dir() . '/kdc') }

# A principal's tickets, one cache for each test program; forwardable, so that
# delegation is the initiator's choice. Options ask for a cache of their own.
my %ccache_of;

sub ccache {
    my ($principal, %opt) = @_;
    return kdc()->kinit($principal, forwardable => 1, %opt) if %opt;
    return $ccache_of{$principal} ||= kdc()->kinit($principal, forwardable => 1);
}

sub http {
    my (%opt) = @_;
    my $name = delete $opt{name};
    $opt{port} ||= port($name);
    if (($name || '') =~ /^tls/) { $opt{tls} = 1; $opt{ca_file} ||= stage_dir() . '/tls/ca.crt' }
    return NegTest::HTTP->new(%opt);
}

sub initiator {
    my ($principal, %opt) = @_;
    return NegTest::Initiator->new(ccache => ccache($principal), %opt);
}

sub negotiate { my ($bytes) = @_; return 'Negotiate ' . encode_base64($bytes, '') }

sub server { my (%opt) = @_; return NegTest::Server->new(stage => stage_dir(), %opt) }

sub error_log { return NegTest::Log->new(stage_dir() . '/t/logs/error_log') }

sub server_pid {
    open my $in, '<', stage_dir() . '/t/logs/httpd.pid' or return;
    my $pid = <$in>;
    chomp $pid;
    return $pid;
}

sub children { return NegTest::Server::children_of(server_pid()) }

# curl, with a time limit and no configuration but ours; its whole output.
sub curl {
    my ($ccache, @args) = @_;
    return run(
        [ 'curl', '-q', '--silent', '--show-error', '--max-time', 30, @args ],
        env     => { KRB5CCNAME => $ccache },
        timeout => 60
    )->{output};
}

# Calls the code with 0 .. n-1 in n processes at once; returns their answers
# (any plain data) in order. An answer is { error => ... } when the code died.
sub in_parallel {
    my ($n, $code) = @_;
    my @readers = map { _in_child($_, $code) } 0 .. $n - 1;
    my @answers;
    for my $child (@readers) {
        my ($pid, $reader) = @$child;
        push @answers, eval { ${ Storable::fd_retrieve($reader) } };
        waitpid $pid, 0;
    }
    return @answers;
}

sub _in_child {
    my ($number, $code) = @_;
    pipe my $reader, my $writer or die "pipe: $!";
    binmode $_ for $reader, $writer;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    return [ $pid, $reader ] if $pid;
    close $reader;
    my $answer = eval { $code->($number) };
    $answer = { error => $@ } if $@;
    Storable::store_fd(\$answer, $writer);
    close $writer;
    POSIX::_exit(0);    # no END block, no destructor of the parent's
}

1;

__END__

=head1 NAME

NegTest - the test writer's vocabulary

=head1 SYNOPSIS

    use strict;
    use warnings;
    use Apache::Test qw(-withtestmore);
    use NegTest;

    plan tests => 4;

    my $http = http();                         # one connection to the server
    is $http->get('/auth')->status, 401;

    my $gss = initiator('alice');              # SPNEGO, mutual, HTTP@localhost
    my $r   = $http->get('/auth', Authorization => $gss->authorization);
    is $r->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST';
    ok $gss->finish($r) && $gss->mutual;

    my $log = error_log();                     # from here on
    http()->get('/auth', Authorization => negotiate('junk'));
    like join("\n", $log->ours), qr/.../;

=head1 FUNCTIONS

    stage_dir  source_dir                      directories of the run, of the tree
    keytab($name)                              httpd's keytab, or a path for another
    port($name)  url($path, $name)             port('tls') is @tls_port@ of extra.conf.in
    http(name => 'tls')                        NegTest::HTTP; or port => $other_server->port
    kdc()                                      NegTest::KDC, attached
    ccache('bob', lifetime => '10s')           tickets; shared unless options are given
    initiator('bob', delegate => 1, ...)       NegTest::Initiator
    negotiate($bytes)                          'Negotiate ' and base64
    server(conf => $text, env => {...})        NegTest::Server
    error_log()                                NegTest::Log, marked at its end
    server_pid()  children()                   of the test server
    curl($ccache, @arguments)                  curl's output, under a time limit
    run([...])  wait_until(sub {...}, $sec)    see NegTest::Process
    in_parallel($n, sub { my ($i) = @_; ... }) n processes, their answers in order

A test that rotates keys or breaks a keytab uses principals of its own
(C<< kdc->add_principal('HTTP/rotate.example.test') >>, C<< target =>
'HTTP@rotate.example.test' >>) and leaves HTTP/localhost alone.

=cut
