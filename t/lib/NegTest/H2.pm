package NegTest::H2;

# An HTTP/2 client on one connection: any number of streams at once, each with
# headers of its own. Nothing is retried, and no header is added to a test's.

use strict;
use warnings;

use IO::Select;
use NegTest::HTTP;
use Time::HiRes 'time';

use constant DEFAULT_TIMEOUT => 30;

# RST_STREAM's code (RFC 9113 section 7).
use constant HTTP_1_1_REQUIRED => 13;

# A virtual host that speaks HTTP/2 over TLS, for a server's configuration.
sub host {
    my ($port) = @_;
    return <<"CONF";
<VirtualHost 127.0.0.1:$port>
    ServerName localhost:$port
    Protocols h2 http/1.1
    SSLEngine On
    SSLCertificateFile "\@stage\@/tls/server.crt"
    SSLCertificateKeyFile "\@stage\@/tls/server.key"
</VirtualHost>
CONF
}

sub is_available { return eval { require Protocol::HTTP2::Client; 1 } }

# tls and ca_file as in NegTest::HTTP; without tls it is h2c, which the server
# has to know of beforehand.
sub new {
    my ($class, %opt) = @_;
    die "Protocol::HTTP2 is missing\n" if !is_available();
    my $http = NegTest::HTTP->new(%opt, alpn => 'h2');
    my $self = bless {
        socket    => $http->socket,
        scheme    => $opt{tls} ? 'https' : 'http',
        authority => $opt{host} || "localhost:$opt{port}",
        timeout   => $opt{timeout} || DEFAULT_TIMEOUT,
        error     => undef,
    }, $class;
    die "the server does not speak h2\n" if $opt{tls} && ($self->{socket}->alpn_selected || '') ne 'h2';
    my $error = \$self->{error};
    $self->{client} = Protocol::HTTP2::Client->new(keepalive => 1, on_error => sub { $$error = shift });
    return $self;
}

# One stream for each [path, name, value ...], all open together. Returns their
# answers in order: NegTest::HTTP::Response, with reset() instead of a status
# where the server has reset the stream.
sub streams {
    my ($self, @requests) = @_;
    my @answers = (undef) x @requests;
    my $open    = @requests;
    for my $i (0 .. $#requests) {
        my ($path, @headers) = @{ $requests[$i] };
        my $done = sub { $answers[$i] = shift; $open--; return };
        $self->{client}->request(
            ':scheme' => $self->{scheme}, ':authority' => $self->{authority},
            ':method' => 'GET', ':path' => $path,
            headers   => [ _lower_names(@headers) ],
            on_done   => sub { $done->(_answer(@_)) },
            on_error  => sub { $done->(_answer([], '', shift)) },
        );
    }
    $self->_run(sub { $open == 0 });
    return @answers;
}

sub get { my ($self, @request) = @_; return ($self->streams(\@request))[0] }

sub _lower_names {
    my (@headers) = @_;
    return map { $_ % 2 ? $headers[$_] : lc $headers[$_] } 0 .. $#headers;
}

sub _answer {
    my ($flat, $body, $reset) = @_;
    my @flat = @{ $flat || [] };
    my ($status, @headers) = ('');
    while (my ($name, $value) = splice @flat, 0, 2) {
        if   ($name eq ':status') { $status = $value }
        else                      { push @headers, [ $name, $value ] }
    }
    return bless { protocol => 'HTTP/2', status => $status, headers => \@headers,
        head => '', body => defined $body ? $body : '', reset => $reset }, 'NegTest::H2::Response';
}

sub _run {
    my ($self, $is_done) = @_;
    my $end    = time + $self->{timeout};
    my $socket = $self->{socket};
    while (1) {
        while (my $frame = $self->{client}->next_frame) { $self->_write($frame) }
        return if $is_done->();
        die "HTTP/2: the connection failed, error $self->{error}\n" if defined $self->{error};
        die "HTTP/2: the server has said goodbye\n" if $self->{client}->shutdown;
        my $left = $end - time;
        die "no answer within $self->{timeout} seconds\n" if $left <= 0;
        my $pending = $socket->can('pending') ? $socket->pending : 0;
        next if !$pending && !IO::Select->new($socket)->can_read($left);
        sysread $socket, my $bytes, 65_536 or die "HTTP/2: the connection has been closed\n";
        $self->{client}->feed($bytes);
    }
}

sub _write {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $sent = syswrite $self->{socket}, $bytes or die "HTTP/2: the connection has been closed\n";
        substr $bytes, 0, $sent, '';
    }
    return;
}

package NegTest::H2::Response;

our @ISA = 'NegTest::HTTP::Response';

# The code of RST_STREAM; undef for an answer.
sub reset { $_[0]{reset} }

1;

__END__

=head1 NAME

NegTest::H2 - HTTP/2 with full control of each stream's headers

=head1 SYNOPSIS

    plan skip_all => '...' if !NegTest::H2::is_available();    # Protocol::HTTP2

    my $h2 = NegTest::H2->new(port => port('tls'), tls => 1, ca_file => $ca);
    my ($a, $b) = $h2->streams(
        [ '/auth/env.pl', Authorization => initiator('alice')->authorization ],
        [ '/auth/env.pl', Authorization => initiator('bob')->authorization ],
    );
    $a->status; $a->env->{REMOTE_USER};
    $h2->get('/auth/env.pl')->status;
    $h2->get($path, @headers)->reset == NegTest::H2::HTTP_1_1_REQUIRED;

=cut
