package NegTest::Initiator;

# The client's half of a security context, through Perl's GSSAPI.

use strict;
use warnings;

use GSSAPI qw(:all);
use MIME::Base64 'encode_base64';

use constant GSS_C_DCE_STYLE => 0x1000;    # three krb5 messages instead of two

my %MECHANISM = (
    spnego => sub { GSSAPI::OID::gss_mech_spnego() },
    krb5   => sub { GSSAPI::OID::gss_mech_krb5() },
    ntlm   => sub { GSSAPI::OID->from_str(my $oid, '{ 1 3 6 1 4 1 311 2 2 10 }'); $oid },
);

sub new {
    my ($class, %opt) = @_;
    my $flags = GSS_C_REPLAY_FLAG | GSS_C_INTEG_FLAG;
    $flags |= GSS_C_MUTUAL_FLAG if !exists $opt{mutual} || $opt{mutual};
    $flags |= GSS_C_DELEG_FLAG                    if $opt{delegate};
    $flags |= GSS_C_DCE_STYLE | GSS_C_MUTUAL_FLAG if $opt{dce};
    my %env = (KRB5CCNAME => $opt{ccache});
    $env{KRB5_CONFIG} = $opt{krb5_conf} if $opt{krb5_conf};
    $env{NTLM_USER_FILE} = $opt{ntlm_users} if $opt{ntlm_users};
    return bless {
        env      => \%env,
        mech     => $MECHANISM{ $opt{mech} || 'spnego' }->(),
        target   => _import_name($opt{target} || 'HTTP@localhost'),
        flags    => $flags,
        bindings => _bindings($opt{bindings}),
        context  => GSSAPI::Context->new,
        state    => 'new',
    }, $class;
}

# One leg: takes the acceptor's token (none at first), gives the next to send
# ('' when there is none). Dies when GSSAPI refuses.
sub step {
    my ($self, $input) = @_;
    my ($output, $flags, $time);
    # libkrb5 reads these with getenv() while the call runs.
    local @ENV{ keys %{ $self->{env} } } = values %{ $self->{env} };
    my $status = $self->{context}->init(
        GSS_C_NO_CREDENTIAL, $self->{target}, $self->{mech}, $self->{flags}, 0,
        $self->{bindings}, defined $input ? $input : q{}, undef, $output, $flags, $time
    );
    die 'initiator: ', _explain($status), "\n"
      if $status->major != GSS_S_COMPLETE && $status->major != GSS_S_CONTINUE_NEEDED;
    $self->{state}     = $status->major == GSS_S_COMPLETE ? 'complete' : 'continue';
    $self->{got_flags} = $flags;
    return defined $output ? $output : '';
}

# The value of the next Authorization header.
sub authorization {
    my ($self, $input) = @_;
    return 'Negotiate ' . encode_base64($self->step($input), '');
}

# Takes the token of a response. True when nothing is left to send.
sub finish {
    my ($self, $response) = @_;
    my $token = $response->token;
    return $self->complete if !defined $token || !length $token;
    my $output = eval { $self->step($token) };
    if (!defined $output) { $self->{error} = $@; return 0 }
    return $self->complete && !length $output;
}

sub complete { $_[0]{state} eq 'complete' }
sub error    { $_[0]{error} }

# The server has proven that it holds the service's key.
sub mutual {
    my ($self) = @_;
    return $self->complete && ($self->{got_flags} & GSS_C_MUTUAL_FLAG) ? 1 : 0;
}

# Signs bytes with the context's key.
sub mic {
    my ($self, $bytes) = @_;
    my $status = $self->{context}->get_mic(GSS_C_QOP_DEFAULT, $bytes, my $mic);
    die 'get_mic: ', _explain($status), "\n" if $status->major != GSS_S_COMPLETE;
    return $mic;
}

# Runs all legs of one request over a NegTest::HTTP; returns the last response.
sub fetch {
    my ($self, $http, $path, @headers) = @_;
    my $response = $http->get($path, Authorization => $self->authorization, @headers);
    for (1 .. 5) {
        my $token = $response->token;
        return $response if $response->status != 401 || $self->complete || !length($token || '');
        $response = $http->get($path, Authorization => $self->authorization($token), @headers);
    }
    return $response;
}

sub _import_name {
    my ($text) = @_;
    my $type = $text =~ m{/}
      ? GSSAPI::OID::gss_nt_krb5_name()
      : GSSAPI::OID::gss_nt_hostbased_service();
    my $name;
    my $status = GSSAPI::Name->import($name, $text, $type);
    die "name $text: ", _explain($status), "\n" if $status->major != GSS_S_COMPLETE;
    return $name;
}

sub _bindings {
    my ($data) = @_;
    return GSS_C_NO_CHANNEL_BINDINGS if !defined $data;
    my $binding = GSSAPI::Binding->new;
    # GSSAPI.pm begins with GSS_C_AF_NULLADDR; RFC 5554 and every client have no addresses at all.
    $binding->set_initiator(0, q{});
    $binding->set_acceptor(0, q{});
    $binding->set_appl_data($data);
    return $binding;
}

sub _explain {
    my ($status) = @_;
    return join '; ', $status->generic_message, $status->specific_message;
}

1;

__END__

=head1 NAME

NegTest::Initiator - make Negotiate tokens and check the server's

=head1 SYNOPSIS

    my $gss = NegTest::Initiator->new(
        ccache   => $ccache,
        target   => 'HTTP@localhost',    # or HTTP/www.example.test@REALM
        mech     => 'spnego',            # or krb5, or ntlm
        mutual   => 1,                   # the default
        delegate => 0,
        dce      => 0,                   # GSS_C_DCE_STYLE: one leg more
        bindings => undef,               # application data of channel bindings
        krb5_conf => $file,              # else KRB5_CONFIG of the process
        ntlm_users => $file,             # NTLM_USER_FILE: its first line is who we are
    );
    my $r = $http->get('/auth', Authorization => $gss->authorization);
    ok $gss->finish($r);                 # the final token is right ...
    ok $gss->mutual;                     # ... and the server is who it says
    my $bytes = $gss->step($server_token);
    my $mic = $gss->mic($bytes);         # see NegTest::Spnego

    my $r = $gss->fetch($http, '/auth'); # all legs of an exchange; then finish

=cut
